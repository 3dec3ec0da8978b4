function decide(request, terms) {
  request.hostName = "box";
}
