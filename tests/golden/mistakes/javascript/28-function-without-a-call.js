function decide(request, terms) {
  if (request.lookup.found) terms.pool = "residential";
}
