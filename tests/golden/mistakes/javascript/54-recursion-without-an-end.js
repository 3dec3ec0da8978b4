function decide(request, terms) {
  find(0);
}

function find(n) {
  return find(n + 1);
}
