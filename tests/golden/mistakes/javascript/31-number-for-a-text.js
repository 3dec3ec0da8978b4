function decide(request, terms) {
  terms.pool = 5;
}
