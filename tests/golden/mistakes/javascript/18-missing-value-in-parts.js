function decide(request, terms) {
  const { gold } = settings.tariffs;
  terms.pool = gold;
}
