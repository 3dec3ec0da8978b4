function decied(request, terms) {
  terms.pool = "residential";
}
