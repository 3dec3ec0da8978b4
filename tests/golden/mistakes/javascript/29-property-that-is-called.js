function decide(request, terms) {
  if (request.kind() === "discover") terms.pool = "residential";
}
