function decide(request, terms) {
  let n = 0;
  while (n < 10) terms.pool = "residential";
}
