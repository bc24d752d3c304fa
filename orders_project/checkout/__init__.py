"""The page on which a payer pays a Razorpay order, made by whichever interface: for whoever knows the order's id."""
