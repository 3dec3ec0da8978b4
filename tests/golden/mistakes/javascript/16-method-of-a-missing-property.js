function decide(request, terms) {
  if (request.isRelayed) {
    if (request.hostName.startsWith("stb")) terms.pool = "residential";
  }
}
