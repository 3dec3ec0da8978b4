function decide(request, terms) {
  garden();
}

function garden() {
  terms.pool = "walled-garden";
}
