function decide(request, terms) {
  terms.option = ["routers", "192.0.2.1"];
}
