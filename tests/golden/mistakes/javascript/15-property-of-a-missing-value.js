function decide(request, terms) {
  terms.pool = settings.tariffs.gold;
}
