// Gradio's file field takes no pasted files: hand it a pasted picture as if it had been chosen there.
document.addEventListener("paste", (event) => {
  const field = document.querySelector("#photo input[type=file]");
  if (!field || !event.clipboardData.files.length) return;
  event.preventDefault();
  field.files = event.clipboardData.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
