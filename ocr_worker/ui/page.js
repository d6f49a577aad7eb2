// Gradio's file field takes no pasted files: hand it a pasted picture as if it had been chosen there.
document.addEventListener("paste", (event) => {
  const field = document.querySelector("#photo input[type=file]");
  if (!field || !event.clipboardData.files.length) return;
  event.preventDefault();
  field.files = event.clipboardData.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

// Gradio names its buttons differently from what they show. Without that name, a screen reader reads what they show.
const misnamed = "#photo button[aria-label], #samples button.thumbnail-item[aria-label]";
new MutationObserver(() => {
  for (const button of document.querySelectorAll(misnamed)) {
    if (button.textContent.trim()) button.removeAttribute("aria-label");
  }
  for (const image of document.querySelectorAll("#samples button img[alt]:not([alt=''])")) {
    if (image.closest("button").textContent.trim()) image.alt = "";
  }
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label", "alt"] });
