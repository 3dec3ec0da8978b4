function planLookups(request, plan) {
  plan.add("port", "prots", request.hardwareAddress);
}

function decide(request, terms) {
  terms.pool = request.lookup("port").field("pool") ?? "residential";
}
