function decide(request, terms) {
  if (request.chaddr.startsWith("02:")) terms.pool = "residential";
}
