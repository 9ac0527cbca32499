"""What is told of a load run: one JSON document, and from it the text and the HTML page."""
