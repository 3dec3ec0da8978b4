function decide(request, terms) {
  for (const line of settings.unpaid) {
    if (line === request.circuitId) terms.pool = "walled-garden";
  }
}
