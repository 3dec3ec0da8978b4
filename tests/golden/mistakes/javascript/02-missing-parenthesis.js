function decide(request, terms) {
  if (request.isRelayed { terms.pool = "residential"; }
}
