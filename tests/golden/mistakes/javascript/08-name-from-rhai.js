function decide(request, terms) {
  if (in_prefix(request.relayAddress, "100.64.0.0/16")) terms.pool = "residential";
}
