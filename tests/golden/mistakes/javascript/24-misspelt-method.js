function decide(request, terms) {
  const row = request.lookups("port");
}
