function decide(request, terms) {
  const answer = fetch("http://127.0.0.1/");
}
