function decide(request, terms) {
  if (!request.isRelayed) return ignor("not here");
}
