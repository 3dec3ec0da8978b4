function decide(request, terms) {
  return "ignore";
}
