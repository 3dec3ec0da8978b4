function decide(request, terms) {
  metrics.add("seen");
}
