function decide(request, terms) {
  line = request.circuitId;
}
