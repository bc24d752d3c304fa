"""Other systems that act for the shop's customers: their keys, what each may do (`keys`), and the pages where staff
keep them."""
