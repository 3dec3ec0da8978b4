function decide(request, terms, settings) {
  terms.pool = settings.pool;
}
