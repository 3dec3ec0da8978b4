function decide(request: Request, terms: Terms) {
  terms.pool = "residential";
}
