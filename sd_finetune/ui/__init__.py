"""The tab: projects and runs as JSON routes, and the page that shows them. Neither torch nor gradio in here."""
