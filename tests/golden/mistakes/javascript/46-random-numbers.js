function decide(request, terms) {
  if (Math.random() > 0.5) terms.pool = "residential";
}
