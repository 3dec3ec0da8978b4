function planLookups(request, plan) {
  plan.add("port", "ports", request.circuitId);
}

function decide(request, terms) {
  terms.pool = request.lookup("port").field("pool") ?? "residential";
}
