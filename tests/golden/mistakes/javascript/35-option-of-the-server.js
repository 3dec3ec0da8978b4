function decide(request, terms) {
  terms.option(51, 60);
}
