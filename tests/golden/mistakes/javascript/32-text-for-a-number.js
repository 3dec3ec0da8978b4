function decide(request, terms) {
  terms.leaseTimeSecs = "1h";
}
