// Sends the payer on at once; without scripts there is the button.
"use strict";
document.getElementById("onward").submit();
