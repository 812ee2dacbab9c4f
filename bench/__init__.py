"""The bench: rate and distortion of tadmc beside JPEG and what people really use, measured through real files.

python -m bench run PHOTOS --out OUT      codecs, matched rates, metrics -> OUT/results.json, OUT/rows.csv
python -m bench report OUT                one self-contained HTML file
python -m bench figure NAME ...           rate-distortion curves; the papers' figures and tables on our models
python -m bench speed PHOTOS --out OUT    time and memory by image size
"""
