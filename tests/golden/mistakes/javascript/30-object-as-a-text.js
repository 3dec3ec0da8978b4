function decide(request, terms) {
  return ignore(`no ${request}`);
}
