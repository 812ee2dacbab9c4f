// Start every part of the page.

byId("about").textContent = `${DATA.images} photographs of ${DATA.photos}; ${shownCodecs().length} codecs; rates are whole files.`;
startViewer();
startCurves();
startTables();
