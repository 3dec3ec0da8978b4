function decide(request, terms) {
  terms.leaseTimeSecs = Number("1h");
}
