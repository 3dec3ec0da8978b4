function decide(request, terms) {
  const tariff = "gold";
  terms.pool = settings.tariffs[tariff];
}
