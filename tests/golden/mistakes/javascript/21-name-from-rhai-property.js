function decide(request, terms) {
  if (request.circuit_id === "olt1/1") terms.pool = "residential";
}
