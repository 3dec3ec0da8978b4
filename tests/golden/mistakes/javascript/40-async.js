async function decide(request, terms) {
  terms.pool = "residential";
}
