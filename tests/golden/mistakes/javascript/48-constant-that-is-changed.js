const count = 0;

function decide(request, terms) {
  count += 1;
}
