function decide(request, terms) {
  if (request.circuitId === None) return ignore("no line");
}
