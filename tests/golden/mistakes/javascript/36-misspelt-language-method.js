function decide(request, terms) {
  const vendor = request.vendorClass;
  if (vendor.startWith("stb")) terms.pool = "residential";
}
