function decide(request, terms) {
  terms.leaseTime = 60;
}
