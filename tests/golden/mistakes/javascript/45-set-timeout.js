function decide(request, terms) {
  setTimeout(() => { terms.pool = "residential"; }, 10);
}
