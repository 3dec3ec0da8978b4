function onDiscovery(request, terms) {
  terms.pool = "residential";
}
