function decide(request, terms) {
  terms.option("dns", ["192.0.2.53"]);
}
