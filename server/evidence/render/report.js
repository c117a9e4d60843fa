"use strict";
(function () {
  var tools = document.getElementById("tools");
  var words = document.getElementById("filter");
  var called = document.getElementById("called");
  var found = document.getElementById("found");
  var items = Array.prototype.slice.call(document.querySelectorAll("[data-item]"));
  var texts = items.map(function (item) { return item.textContent.toLowerCase(); });

  function apply() {
    var all = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    items.forEach(function (item, i) {
      var show = all.every(function (word) { return texts[i].indexOf(word) >= 0; });
      if (called.checked && item.getAttribute("data-item") === "uncalled") { show = false; }
      item.hidden = !show;
      if (show) { shown++; }
    });
    found.textContent = shown + " of " + items.length + " shown";
  }

  tools.hidden = false;
  words.addEventListener("input", apply);
  called.addEventListener("change", apply);
  apply();
  document.documentElement.setAttribute("data-ready", "true");
})();
