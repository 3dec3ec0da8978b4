function decide(request, terms) {
  const pool = ;
}
