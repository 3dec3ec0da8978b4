function decide(request, terms) {
  const line = request.circuitId;
  const parts = line.split("/");
  if (parts[0] === "olt1") terms.pool = "residential";
}
