function decide(request, terms) {
  console.log(request.kind);
}
